from shared.messaging.inbox import Subscriptions

subscriptions: Subscriptions = {}
