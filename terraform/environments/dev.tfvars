environment = "dev"
region      = "eu-west-1"

# The account that it lives in. An example: put your own here.
account_id = "111122223333"

# What terraform/bootstrap made for it: no function may ever do more, whatever is applied.
permissions_boundary = "terraform-delayer-boundary-dev"

# Its schedules are nobody's: it may be destroyed and made anew.
deletion_protection    = false
point_in_time_recovery = false

# Its logs are read while something is tried.
log_retention_days = 7

# A few shards are enough for what is tried here, and more than one, so that what only several show is seen.
shard_count = 4

# What a person and a test suite need; a loop gone wrong is stopped early.
throttling = { rate_limit = 20, burst_limit = 40 }
