"""Who is on which topic: the port, and what implements it."""
