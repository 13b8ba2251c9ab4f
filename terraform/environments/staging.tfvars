environment = "staging"
region      = "eu-west-1"

# The account that it lives in. An example: put your own here.
account_id = "444455556666"

# What terraform/bootstrap made for it: no function may ever do more, whatever is applied.
permissions_boundary = "terraform-delayer-boundary-staging"

# As in prod, so that what is promoted was tried under the same protection.
deletion_protection    = true
point_in_time_recovery = true

# Its deliveries are asked about within days.
log_retention_days = 14

# As in prod: bursts are tried here.
shard_count   = 64
sweep_workers = 2
throttling    = { rate_limit = 1000, burst_limit = 2000 }
