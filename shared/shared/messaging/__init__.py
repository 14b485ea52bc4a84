"""Events and jobs through RabbitMQ, with an outbox and an inbox."""
