"""What went wrong, and when: incidents of several applications, and changes in how fast they answer.

Singular, because `sentry.incidents` is a function: a room of that name would hide it.
"""
