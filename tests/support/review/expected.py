"""The dangers that a review of each scenario has to name."""

from __future__ import annotations

from tests.support.review.addresses import (
    ACCESS_LOGS,
    API,
    ATTACHMENT,
    AUTHORIZER,
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_OWNERSHIP,
    BUCKET_POLICY,
    BUCKET_VERSIONING,
    DEAD_LETTERS,
    DEAD_LETTERS_POLICY,
    FAST_TRACK,
    FAST_TRACK_POLICY,
    FIRST_TARGET,
    FUNCTIONS,
    INTEGRATION,
    LIFECYCLE,
    MAPPING,
    MAPPING_POLICY,
    MONITORING,
    PERMISSION,
    POST,
    POST_POLICY,
    PUBLIC_ACCESS,
    QUEUE,
    QUEUE_POLICY,
    READ_SCALING,
    READ_TARGET,
    ROUTE,
    RULE,
    RULE_PERMISSION,
    SECOND_AUTHORIZER,
    SECOND_MAPPING,
    SECOND_RULE_PERMISSION,
    SECOND_TARGET,
    STAGE,
    SWEEP,
    SWEEP_POLICY,
    TABLE,
    TABLE_POLICY,
    WRITE_SCALING,
    WRITE_TARGET,
    beside,
)

#: By scenario: the id and the address of each danger, and words of its sentence.
DANGERS_OF: dict[str, list[tuple[str, str, str]]] = {
    "destroyed": [
        ("output-gone", "output.api_url", "Whoever reads the output `api_url` would fail"),
        ("table-destroyed", TABLE, "Every pending schedule would be lost"),
        ("queue-destroyed", QUEUE, "Every message that waits for its pointInTime"),
        ("dead-letter-queue-destroyed", DEAD_LETTERS, "messages that consumers failed to handle would be lost"),
        ("failure-bucket-destroyed", BUCKET, "records that could not be handled would be lost"),
        ("log-group-destroyed", beside(POST, "aws_cloudwatch_log_group"), "would be destroyed"),
        ("log-group-destroyed", ACCESS_LOGS, "would be destroyed"),
        ("stream-mapping-destroyed", MAPPING, "would be destroyed"),
        ("api-destroyed", API, "AWS never gives its address again"),
        ("sweep-paused", RULE, "No sweep would run"),
        *(("function-destroyed", function, "would get an error") for function in FUNCTIONS),
        ("alarms-silenced", MONITORING, "would be destroyed"),
    ],
    "table_replaced": [
        ("table-destroyed", TABLE, "replaced by an empty one"),
        ("stream-mapping-destroyed", MAPPING, "this plan says `TRIM_HORIZON`"),
        ("access-unknown", POST_POLICY, "Whether `delayer-prod-api-schedule-post` would"),
        ("access-unknown", TABLE_POLICY, "still deny"),
    ],
    "queues_replaced": [
        ("queue-destroyed", QUEUE, "replaced by an empty one"),
        ("dead-letter-queue-destroyed", DEAD_LETTERS, "replaced by an empty one"),
    ],
    "bucket_and_logs_replaced": [
        ("failure-bucket-destroyed", BUCKET, "replaced by an empty one"),
        (
            "log-group-destroyed",
            beside(SWEEP, "aws_cloudwatch_log_group"),
            "the record of which schedules were accepted",
        ),
    ],
    "api_replaced": [
        ("api-destroyed", API, "would be replaced, and"),
        ("integration-changed", INTEGRATION, "would wait (known after apply) ms"),
        ("access-unknown", PERMISSION, "(known after apply)"),
    ],
    # Another stream, or none, has another ARN: what reads the stream is replaced, and what allows it is not known yet.
    "stream_off": [
        ("stream-off", TABLE, "Nothing would be handed over"),
        ("stream-mapping-destroyed", MAPPING, "would be replaced"),
        ("access-unknown", MAPPING_POLICY, "can't be judged"),
        ("unjudged-change", SWEEP, "`environment.variables` of"),
    ],
    "stream_view": [
        ("stream-changed", TABLE, "`KEYS_ONLY` instead of `OLD_IMAGE`"),
        ("stream-mapping-destroyed", MAPPING, "would be replaced"),
        ("access-unknown", MAPPING_POLICY, "can't be judged"),
        ("unjudged-change", SWEEP, "`environment.variables` of"),
    ],
    "mapping_position": [
        ("stream-mapping-destroyed", MAPPING, "A new mapping that reads from now on (LATEST) skips removals"),
        ("stream-mapping-position", MAPPING, "from `LATEST` instead of `TRIM_HORIZON`"),
    ],
    "mapping_disabled": [("stream-mapping-disabled", MAPPING, "Nothing would be handed over")],
    "mapping_loses": [
        ("stream-mapping-filter", MAPPING, "Lambda drops records that the filter doesn't match"),
        ("stream-mapping-loses", MAPPING, "`ReportBatchItemFailures`"),
        ("stream-mapping-loses", MAPPING, "after `86400` s"),
        ("stream-mapping-loses", MAPPING, "Records that the mapping gives up would go to nothing"),
        ("stream-mapping-loses", MAPPING, "would take its whole batch with it"),
        ("stream-mapping-loses", MAPPING, "after `3` tries"),
    ],
    "shards_lowered": [("shards-unswept", SWEEP, "Pending schedules in shards 16 to 63 would never be swept")],
    "worker_missing": [
        (
            "shards-unswept",
            FIRST_TARGET,
            "Schedules in some shards would never be swept",
        )
    ],
    "worker_elsewhere": [("sweep-elsewhere", SECOND_TARGET, '`{"worker":1,"workers":2}` would never be swept')],
    "settings_elsewhere": [
        ("function-elsewhere", POST, "stored in the table `another-table` instead of `delayer-prod-schedules`"),
        ("function-elsewhere", SWEEP, "Pending schedules in the table `delayer-prod-schedules` would never be swept"),
        ("function-elsewhere", SWEEP, "Every sweep would fail"),
        ("function-elsewhere", FAST_TRACK, "consumers of the delayer queue would get none"),
        ("function-elsewhere", FAST_TRACK, "Schedules that are posted within the delayer period would wait"),
        ("function-elsewhere", FAST_TRACK, "would be put into `another-bucket` instead of `delayer-prod-failures-"),
    ],
    "functions_stopped": [
        ("function-stopped", POST, "Every post would be refused: the reserved concurrency of `delayer-prod-api"),
        ("function-stopped", SWEEP, "Nothing would be swept"),
        ("function-stopped", FAST_TRACK, "would be lost if it is still in the stream after 24 hours"),
    ],
    "lateness_limited": [
        ("lateness-limited", FAST_TRACK, "`make redrive`). Now every schedule is sent, however late.")
    ],
    "period_lowered": [
        ("delayer-period-changed", function, "queued already keep their delay and arrive in their second")
        for function in (SWEEP, FAST_TRACK)
    ],
    "access_grows": [
        ("call-refused", POST_POLICY, "would lose `Allow dynamodb:BatchWriteItem on"),
        ("call-refused", SWEEP_POLICY, "would lose `Allow dynamodb:DescribeTable on"),
        ("stranger-changed", ATTACHMENT, "would be created"),
        ("access-grows", POST_POLICY, "dynamodb:GetItem"),
        ("access-grows", SWEEP_POLICY, "`Allow dynamodb:BatchWriteItem on"),
        (
            "access-grows",
            ATTACHMENT,
            "`arn:aws:iam::aws:policy/ReadOnlyAccess`",
        ),
        *(
            (
                "access-grows",
                beside(function, "aws_iam_role"),
                "sts:AssumeRole by Service:ec2.amazonaws.com",
            )
            for function in FUNCTIONS
        ),
    ],
    "access_wildcard": [
        ("access-wildcard", POST_POLICY, "with `dynamodb:*`, `*`"),
        ("access-wildcard", PERMISSION, "on behalf of any account"),
    ],
    "first_wildcard": [
        ("access-wildcard", POST_POLICY, "with `dynamodb:*`"),
        ("authorization-removed", ROUTE, "Anyone on the internet could post schedules"),
    ],
    "boundary_removed": [
        (
            "access-grows",
            beside(function, "aws_iam_role"),
            "would be nothing instead of `arn:aws:iam::777788889999:policy/terraform-delayer-boundary-prod`",
        )
        for function in FUNCTIONS
    ],
    "alarms_renamed": [("alarms-silenced", MONITORING, "`delayer-prod-late` would be destroyed")],
    "workers_raised": [
        ("alarms-loosened", MONITORING, "`delayer-prod-no-sweep` (`threshold`: `2` → `6`)"),
        (
            "access-grows",
            SECOND_RULE_PERMISSION,
            "`events.amazonaws.com` could newly",
        ),
    ],
    "sweep_paused": [
        ("sweep-paused", RULE, "No sweep would run"),
        ("alarms-loosened", MONITORING, "`delayer-prod-no-sweep` (`threshold`: `2` → `0`)"),
    ],
    "authorization_removed": [("authorization-removed", ROUTE, "Anyone on the internet could post schedules")],
    "authorization_jwt": [("authorization-changed", ROUTE, "Clients that `AWS_IAM` admits now would be refused")],
    "audience_changed": [
        ("authorization-changed", AUTHORIZER, "https://other.example"),
        ("authorization-changed", AUTHORIZER, '["delayer", "others"]'),
    ],
    "route_removed": [("route-destroyed", ROUTE, "the API would have no route `POST /schedules`")],
    "integration_removed": [("route-destroyed", ROUTE, "would lead nowhere")],
    "throttling_removed": [
        ("throttling-loosened", STAGE, "no limit of requests a second of its own"),
        ("throttling-loosened", STAGE, "no limit of requests at once of its own"),
    ],
    "throttling_raised": [
        ("throttling-loosened", STAGE, "`10000` requests a second instead of `1000`"),
        ("throttling-loosened", STAGE, "`20000` requests at once instead of `2000`"),
    ],
    "protection_off": [
        ("deletion-protection-off", TABLE, "could delete every pending schedule at once"),
        ("deletion-protection-off", BUCKET, "with the records in it"),
        ("recovery-off", TABLE, "drops the restore points of the table"),
        ("recovery-off", BUCKET_VERSIONING, "could not be restored"),
    ],
    "recovery_shortened": [("recovery-shortened", TABLE, "for `7` days only, not for `35`")],
    "table_key": [("encryption-weakened", TABLE, "can neither store nor hand over a schedule")],
    "encryption_off": [
        ("encryption-weakened", QUEUE, "SQS would no longer encrypt the messages"),
        ("encryption-weakened", DEAD_LETTERS, "SQS would no longer encrypt the messages"),
        (
            "encryption-weakened",
            BUCKET_ENCRYPTION,
            "encrypted with nothing instead of `AES256`",
        ),
    ],
    "tls_only_removed": [
        ("tls-only-removed", QUEUE_POLICY, "read in the clear"),
        ("tls-only-removed", TABLE_POLICY, "read in the clear"),
        ("tls-only-removed", BUCKET_POLICY, "read in the clear"),
    ],
    "public_access": [
        (
            "public-access-loosened",
            PUBLIC_ACCESS,
            "no longer have `block_public_policy`",
        ),
        (
            "public-access-loosened",
            PUBLIC_ACCESS,
            "no longer have `restrict_public_buckets`",
        ),
        (
            "public-access-loosened",
            BUCKET_OWNERSHIP,
            "Access control lists could open",
        ),
    ],
    "retention_shortened": [
        ("retention-shortened", QUEUE, "at an age of `3600` s instead of 4 days"),
        ("retention-shortened", DEAD_LETTERS, "at an age of 4 days instead of 14 days"),
        (
            "retention-shortened",
            LIFECYCLE,
            "would be deleted after `7` days",
        ),
        (
            "retention-shortened",
            LIFECYCLE,
            "for `1` days only",
        ),
        ("retention-shortened", ACCESS_LOGS, "kept for `90`"),
        *(
            (
                "retention-shortened",
                beside(function, "aws_cloudwatch_log_group"),
                "older than `1`",
            )
            for function in FUNCTIONS
        ),
    ],
    "dead_letters_detached": [("dead-letter-queue-detached", QUEUE, "would have no dead-letter queue")],
    "dead_letters_sooner": [
        ("dead-letter-queue-sooner", QUEUE, "would have a `maxReceiveCount` of `1` instead of `5`")
    ],
    "alarms_removed": [("alarms-silenced", MONITORING, " would be destroyed")],
    "alarms_disabled": [("alarms-silenced", MONITORING, " would be left with its actions disabled")],
    "alarm_topic_removed": [("alarms-silenced", MONITORING, "would be left without any action")],
    "functions_changed": [
        (danger, function, words)
        for function in FUNCTIONS
        for danger, words in (
            ("function-architecture-changed", '`["x86_64"]` instead of `["arm64"]`'),
            ("function-handler-changed", "at `main.handler` instead of"),
            ("function-role-changed", "`arn:aws:iam::777788889999:role/administrator`"),
            ("function-runtime-changed", "on `python3.12` instead of `python3.13`"),
        )
    ],
    "mapping_elsewhere": [
        ("stream-mapping-elsewhere", MAPPING, "every schedule that it doesn't send to the delayer queue is lost")
    ],
    "mapping_sooner": [("stream-mapping-loses", MAPPING, "after `3600` s instead of `82800` s")],
    # By default, a mapping also retries until the stream has dropped the record.
    "stream_read_twice": [
        ("stranger-changed", SECOND_MAPPING, "would be created"),
        ("stream-read-twice", SECOND_MAPPING, "Every message would be sent twice"),
        ("stream-mapping-loses", SECOND_MAPPING, "Removals that can't be sent for a day would be lost"),
    ],
    "integration_elsewhere": [
        ("route-elsewhere", INTEGRATION, "Requests would go to `https://another.example/schedules` (`HTTP_PROXY`)"),
        ("integration-changed", INTEGRATION, "would wait (known after apply) ms instead of `30000` ms"),
    ],
    "route_elsewhere": [("route-elsewhere", ROUTE, "would go to `integrations/another` instead of")],
    "route_unthrottled": [("throttling-loosened", STAGE, "`10000` requests a second to `POST /schedules`, whatever")],
    "endpoint_off": [
        ("route-destroyed", API, "would answer only at a custom domain"),
        ("route-destroyed", STAGE, "the API would have no stage `$default`"),
    ],
    "authorizer_renamed": [
        (
            "authorization-changed",
            SECOND_AUTHORIZER,
            "tokens that `https://other.example` issued, and no longer tokens that `https://issuer.example` issued",
        )
    ],
    "targets_removed": [
        ("sweep-paused", FIRST_TARGET, "No sweep would run: the minute's rule would stay and call nothing")
    ],
    "callers_refused": [
        ("caller-refused", PERMISSION, "would get a 500"),
        ("caller-refused", RULE_PERMISSION, "Nothing would be swept"),
    ],
    "caller_elsewhere": [
        ("caller-refused", PERMISSION, "could no longer call `delayer-prod-api-schedule-post`"),
        ("access-grows", PERMISSION, "`apigateway.amazonaws.com` could newly call `another`"),
    ],
    "calls_refused": [
        (
            "call-refused",
            f"{FAST_TRACK_POLICY}[0]",
            "would lose `Allow dynamodb:BatchWriteItem on",
        )
    ],
    "role_policies": [
        ("access-grows", beside(function, "aws_iam_role"), words)
        for function in FUNCTIONS
        for words in ("arn:aws:iam::aws:policy/ReadOnlyAccess", "`Allow sqs:ReceiveMessage on arn:")
    ],
    "functions_shrunk": [
        (danger, function, words)
        for function in FUNCTIONS
        for danger, words in (
            ("function-shrunk", "after `3` s instead of"),
            ("function-shrunk", "when it needs more than `128` MB"),
            ("function-network-changed", "unless its network leads to DynamoDB, SQS and S3"),
            ("function-foreign-code", "Code that this project didn't build would run in"),
        )
    ],
    "table_settings": [
        ("table-expires", TABLE, "the fast track sends every schedule that is deleted"),
        ("table-copied", TABLE, "would also be stored in another region"),
        ("table-throttled", TABLE, '"max_write_request_units": 10'),
    ],
    "table_provisioned": [("table-throttled", TABLE, "it would be billed as `PROVISIONED`")],
    "capacity_given": [("table-throttled", TABLE, "it would be billed as `PROVISIONED`")],
    "capacity_lowered": [
        ("table-throttled", READ_TARGET, "from `2` units a second instead of from `5`"),
        ("table-throttled", WRITE_TARGET, "would go no further, instead of to `1000`"),
        ("table-throttled", READ_SCALING, "`80`% of the capacity instead of `70`%"),
        ("table-throttled", WRITE_SCALING, "`80`% of the capacity instead of `70`%"),
    ],
    # A row sees one resource: that the table is on demand then is not known to it.
    "capacity_removed": [
        ("table-throttled", READ_TARGET, "If the table stays provisioned"),
        ("table-throttled", WRITE_TARGET, "If the table stays provisioned"),
        ("alarms-silenced", MONITORING, "`delayer-prod-reads-near-most` would be destroyed"),
    ],
    "autoscaling_destroyed": [
        ("table-throttled", READ_TARGET, "nothing would scale it (`dynamodb:table:ReadCapacityUnits`)"),
        ("table-throttled", WRITE_TARGET, "nothing would scale it (`dynamodb:table:WriteCapacityUnits`)"),
    ],
    "queue_narrowed": [
        ("queue-narrowed", QUEUE, "would take `65536` bytes at most instead of `262144`"),
        ("queue-narrowed", QUEUE, "while the first still works on it"),
        ("dead-letter-queue-elsewhere", QUEUE, "would go to `arn:aws:sqs:eu-west-1:777788889999:another` instead of"),
    ],
    "records_expire": [
        ("retention-shortened", LIFECYCLE, "would be deleted from `2027-01-01T00:00:00Z` on"),
        ("retention-shortened", LIFECYCLE, "for `1` days only"),
    ],
    "alarms_elsewhere": [("alarms-silenced", MONITORING, "would be put on something else than now")],
    "stranger": [("stranger-changed", "aws_sns_topic.further", "is none of the resources that the delayer declares")],
    "forgotten": [("forgotten", QUEUE_POLICY, "stays in AWS as it is, and nobody plans")],
    # The policy that denies requests without TLS names the new queue, whose ARN is not known yet.
    "queue_missing": [
        ("store-created", DEAD_LETTERS, "every message that was in it is lost already"),
        ("access-unknown", DEAD_LETTERS_POLICY, "still deny"),
    ],
    "sensitive": [
        ("access-unknown", POST_POLICY, "in this plan, `policy` is (sensitive)"),
        *(("unjudged-change", function, "`environment.variables.TOKEN` of") for function in FUNCTIONS),
    ],
}

#: Scenarios without any danger.
HARMLESS = frozenset({"capacity_raised", "code", "first", "harmless", "unchanged"})

#: By the name of a plan in other_plans/found.json: the ids of its dangers. Each is a change that nobody had thought of
#: when the review knew dangers only, or a plan of another root.
FOUND: dict[str, list[str]] = {
    "alarm_thresholds": ["alarms-loosened"],
    "alarm_topic_elsewhere": ["alarms-silenced"],
    "api_body": ["api-redefined"],
    "bucket_glacier": ["retention-shortened"],
    "bucket_inline_acl": ["public-access-loosened"],
    "bucket_inline_lifecycle": ["retention-shortened"],
    "bucket_inline_replication": ["records-copied"],
    "code_from_s3": ["function-foreign-code"],
    "code_same_basename": ["function-foreign-code"],
    "dashboard_gone": ["dashboard-destroyed"],
    "dlq_same": ["dead-letter-queue-refuses"],
    "edge_action-forget+create": ["stranger-destroyed"],
    "edge_env-production-eu": ["stranger-changed"],
    "edge_long-string": ["stranger-changed"],
    "edge_outputs-only": ["output-changed"],
    "edge_own-tag-hides": ["horizon-shortened", "unjudged-change"],
    "edge_rds-destroyed": ["stranger-destroyed"],
    "edge_replace-paths-nested": ["stranger-destroyed"],
    "edge_stranger-bucket-destroyed": ["stranger-destroyed"],
    "endpoint_env": ["unjudged-change"],
    "horizon_day": ["horizon-shortened"],
    "integration_payload_v1": ["stranger-changed"],
    "integration_timeout": ["stranger-changed"],
    "log_text": ["logs-changed"],
    "mapping_slow": ["stream-mapping-slower"],
    "mapping_window": ["stream-mapping-slower"],
    "memory_10g": ["function-grown"],
    "metrics_namespace": ["metrics-elsewhere"],
    "new_function_with_role": ["stranger-changed"],
    "outputs_gone": ["output-changed"],
    "policy_deny_added": ["call-denied", "stranger-changed"],
    "policy_send_removed": ["call-refused", "stranger-changed"],
    "provisioner_on_create": ["program-run", "stranger-changed"],
    "queue_consumed_elsewhere": ["queue-consumed", "stranger-changed"],
    "redrive_allow_denied": ["dead-letter-queue-refuses"],
    "table_policy_denies_put": ["call-denied"],
    "tag_injection": ["unjudged-change"],
    "tags": [],
    "targeted_grow": ["access-grows", "plan-partial", "stranger-changed"],
    "throttling_lowered": ["throttling-tightened"],
    "throttling_zero": ["throttling-tightened"],
    "tracing": [],
    "visibility_12h": ["queue-held"],
}
