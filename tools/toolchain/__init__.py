"""Install and lock the tools that the commands need."""
