# The functions. Alarms, dashboard, routes and outputs are derived from this map. Each function has its own file
# with its module, its permissions and its trigger.

locals {
  # By plain name, as in pyproject.toml. `label` names the function in alarms and on the dashboard. A function with
  # routes answers them on the API.
  functions = merge(local.core_functions, local.management_functions)

  core_functions = {
    api-schedule-post = {
      label  = "post"
      module = module.api_schedule_post
      routes = ["POST /schedules"]
    }
    stream-dynamodb-fasttrack_enqueuer = {
      label  = "fast_track"
      module = module.stream_dynamodb_fasttrack_enqueuer
      routes = []
    }
    task-1minute-enqueuer = {
      label  = "sweep"
      module = module.task_1minute_enqueuer
      routes = []
    }
  }

  # The modules have a count, so that each of these loops runs once or never.
  management_functions = merge(
    {
      for function in module.api_schedule_delete : "api-schedule-delete" => {
        label  = "delete"
        module = function
        routes = ["DELETE /schedules/{scheduleId}"]
      }
    },
    {
      for function in module.api_schedule_get : "api-schedule-get" => {
        label  = "get"
        module = function
        routes = ["GET /schedules", "GET /schedules/{scheduleId}"]
      }
    },
  )
}
