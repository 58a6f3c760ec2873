//! Outgoing HTTPS with limits: address guard, body cap, deadline.
