"""People: who may use the dashboard, their passwords, sessions and invitations."""
