//! The command line of the lab, as a library.
