environment = "prod"
region      = "eu-west-1"

# The account that it lives in. An example: put your own here.
account_id = "777788889999"

# What terraform/bootstrap made for it: no function may ever do more, whatever is applied.
permissions_boundary = "terraform-delayer-boundary-prod"

# Other people's schedules: they can't be deleted by a destroy, and any second of the last 35 days can be restored.
deletion_protection    = true
point_in_time_recovery = true

# As long as questions about a delivery come.
log_retention_days = 90

# 64,000 KB of writes a second, so that a hundred thousand small schedules due in one second move within 6 s.
shard_count = 64
# Each sweeps 32 of the shards.
sweep_workers = 2
# Twice the default, for bursts of requests that come with bursts of schedules.
throttling = { rate_limit = 1000, burst_limit = 2000 }
