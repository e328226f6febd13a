"""The actions of policies, one file each."""
