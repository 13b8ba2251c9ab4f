output "dead_letter_queue" {
  description = "The dead-letter queue."
  value = {
    arn = aws_sqs_queue.dead_letter.arn
    url = aws_sqs_queue.dead_letter.url
  }
}

output "queue" {
  description = "The delayer queue, with its dead-letter queue."
  value = {
    arn = aws_sqs_queue.delayer.arn
    url = aws_sqs_queue.delayer.url
  }
}
