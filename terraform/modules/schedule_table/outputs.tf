output "table" {
  description = "The table, with its stream and its policy."
  value = {
    arn            = aws_dynamodb_table.schedules.arn
    key_attributes = [local.partition_key, local.sort_key]
    name           = aws_dynamodb_table.schedules.name
    stream_arn     = aws_dynamodb_table.schedules.stream_arn
  }
}
