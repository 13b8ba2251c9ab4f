output "bucket" {
  description = "The bucket, closed to the public: arn and name."
  value = {
    arn  = aws_s3_bucket.failures.arn
    name = aws_s3_bucket.failures.bucket
  }
  depends_on = [aws_s3_bucket_policy.tls_only]
}
