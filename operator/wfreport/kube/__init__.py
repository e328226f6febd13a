"""The API server: transports, a client with typed errors, the dynamic client, and a typed face per kind.

There are no rules here. Only this package and `wfreport.watch` talk to the API server.
"""
