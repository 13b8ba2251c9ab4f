# One machine, no AWS account: the embedded AWS.
environment = "local"
region      = "us-east-1"

# The embedded AWS's. It is not asked for, as in no plan that does without an account.
account_id = "000000000000"

# A minute, so that a demonstration of the sweep doesn't take a quarter of an hour. Allowed here only.
delayer_period_seconds = 60

# The stack is thrown away each time.
deletion_protection    = false
point_in_time_recovery = false
log_retention_days     = 1
