# The functions. Outputs, alarms and the dashboard are made from this map: a new function is a file of its own and a line
# here.

locals {
  functions = {
    "api-schedule-post"                  = module.api_schedule_post
    "stream-dynamodb-fasttrack_enqueuer" = module.stream_dynamodb_fasttrack_enqueuer
    "task-1minute-enqueuer"              = module.task_1minute_enqueuer
  }
}
