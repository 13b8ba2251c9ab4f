output "table" {
  description = "The table and its stream."
  value = {
    arn            = aws_dynamodb_table.schedules.arn
    key_attributes = [local.partition_key, local.sort_key]
    name           = aws_dynamodb_table.schedules.name
    stream_arn     = aws_dynamodb_table.schedules.stream_arn
  }
}
