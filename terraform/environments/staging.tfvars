environment = "staging"
region      = "eu-west-1"

# As in prod, so that what is promoted was tried under the same protection.
deletion_protection    = true
point_in_time_recovery = true

# Its deliveries are asked about within days.
log_retention_days = 14

# As in prod: bursts are tried here.
shard_count   = 64
sweep_workers = 2
throttling    = { rate_limit = 1000, burst_limit = 2000 }
