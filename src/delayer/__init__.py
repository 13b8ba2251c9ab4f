"""Code that the functions share: the schedule itself, and the AWS services that hold it.

``schedules`` is pure. Only ``schedule_table`` knows DynamoDB, only ``delayer_queue`` knows SQS, and only ``api`` knows
what the HTTP API expects.
"""
