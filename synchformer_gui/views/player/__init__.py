"""Video view and transport controls."""
