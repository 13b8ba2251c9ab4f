output "table" {
  description = "The table: arn, key_attributes, name and stream_arn."
  value = {
    arn            = aws_dynamodb_table.schedules.arn
    key_attributes = [local.partition_key, local.sort_key]
    name           = aws_dynamodb_table.schedules.name
    stream_arn     = aws_dynamodb_table.schedules.stream_arn
  }
}
