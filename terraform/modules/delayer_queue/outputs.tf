output "dead_letter_queue" {
  description = "The dead-letter queue: arn and url."
  value = {
    arn = aws_sqs_queue.dead_letter.arn
    url = aws_sqs_queue.dead_letter.url
  }
}

output "queue" {
  description = "The delayer queue: arn and url."
  value = {
    arn = aws_sqs_queue.delayer.arn
    url = aws_sqs_queue.delayer.url
  }
}
