environment = "prod"
region      = "eu-west-1"

# The account of the environment. This is an example: set yours.
account_id = "777788889999"

# The policy from terraform/bootstrap that limits every function, whatever is applied.
permissions_boundary = "terraform-delayer-boundary-prod"

# Other people's schedules: a destroy can't delete them, and any second of the last 35 days can be restored.
deletion_protection    = true
point_in_time_recovery = true

# Questions about a delivery come for about three months.
log_retention_days = 90

# 64,000 KB of writes a second, so that a hundred thousand small schedules due in one second move within 6 s.
shard_count = 64
# Each worker sweeps 32 shards.
sweep_workers = 2
# Twice the default, because bursts of schedules come with bursts of requests.
throttling = { rate_limit = 1000, burst_limit = 2000 }
