environment = "dev"
region      = "eu-west-1"

# The account of the environment. This is an example: set yours.
account_id = "111122223333"

# The policy from terraform/bootstrap that limits every function, whatever is applied.
permissions_boundary = "terraform-delayer-boundary-dev"

# Nobody depends on its schedules: it may be destroyed and created again.
deletion_protection    = false
point_in_time_recovery = false

# Its logs are read during trials.
log_retention_days = 7

# A few shards are enough for trials; more than one, to exercise the code that handles several.
shard_count = 4

# Enough for a person and a test suite; a client in a loop is stopped early.
throttling = { rate_limit = 20, burst_limit = 40 }
