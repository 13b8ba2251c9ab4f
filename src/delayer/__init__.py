"""Code that the functions share: the schedule itself, and the AWS services that hold it.

``schedules`` is pure. Only ``schedule_table`` knows DynamoDB, and only ``delayer_queue`` knows SQS. ``api`` has what
the functions behind the HTTP API share.
"""
