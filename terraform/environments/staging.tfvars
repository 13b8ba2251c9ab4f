environment = "staging"
region      = "eu-west-1"

# The account of the environment. This is an example: set yours.
account_id = "444455556666"

# The policy from terraform/bootstrap that limits every function, whatever is applied.
permissions_boundary = "terraform-delayer-boundary-staging"

# As in prod, so that changes are tried under the same protection.
deletion_protection    = true
point_in_time_recovery = true

# Questions about its deliveries come within days.
log_retention_days = 14

# As in prod: bursts are tried here.
shard_count   = 64
sweep_workers = 2
throttling    = { rate_limit = 1000, burst_limit = 2000 }
