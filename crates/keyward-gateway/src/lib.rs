//! The data plane: the walk of one call.
