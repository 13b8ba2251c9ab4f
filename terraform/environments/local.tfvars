# One machine, no AWS account: the embedded AWS.
environment = "local"
region      = "us-east-1"

# The account of the embedded AWS. Terraform does not check it, as in every plan without an account.
account_id = "000000000000"

# A minute, so that a demonstration of the sweep does not take 14 minutes. The embedded AWS ticks every 60 s.
delayer_period_seconds          = 60
shortest_delayer_period_seconds = 60

# The embedded AWS makes no metrics from the functions' output. It returns an alarm without most of its settings, so every
# plan would change all alarms.
alarms = false

# The embedded AWS does not store this setting, so every plan would change the mapping.
mapping_metrics = false

# The stack is deleted after each use.
deletion_protection    = false
point_in_time_recovery = false
log_retention_days     = 1
