//! Analyzers behind the port: the local screen, Claude on Bedrock, and their chain.
