"""Review a plan on one page for a person with a minute: dangers first."""
