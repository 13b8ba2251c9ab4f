# One machine, no AWS account: the embedded AWS.
environment = "local"
region      = "us-east-1"

# The embedded AWS's. It is not asked for, as in no plan that does without an account.
account_id = "000000000000"

# A minute, so that a demonstration of the sweep doesn't take a quarter of an hour. The embedded AWS ticks every 60 s.
delayer_period_seconds          = 60
shortest_delayer_period_seconds = 60

# The embedded AWS makes no metrics of the functions' output. It describes an alarm without most of its settings, so
# every plan would change all alarms.
alarms = false

# The embedded AWS doesn't keep this setting, so every plan would change the mapping.
mapping_metrics = false

# The stack is thrown away each time.
deletion_protection    = false
point_in_time_recovery = false
log_retention_days     = 1
