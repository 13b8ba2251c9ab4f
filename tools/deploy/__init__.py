"""Plan, apply and destroy environments, and prepare accounts for them."""
