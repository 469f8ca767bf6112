//! Records, queues and history in SQLite, images in a durable spool.
