"""What the three functions share: the schedule itself, and the AWS services that hold it.

``schedules`` is pure; ``schedule_table`` is the only module that knows DynamoDB and ``delayer_queue`` the only one
that knows SQS.
"""
