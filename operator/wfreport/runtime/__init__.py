"""Runs the operator: queues, workers, periodic tasks, leader election, health and signals."""
