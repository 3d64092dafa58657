//! The boards: what a firmware brings along so that the port and the kernel can run on it.
//!
//! Owns heap, stack, console and exit. Nothing here knows of tasks.

#![no_std]

pub mod board;
pub mod console;
pub mod fault;
pub mod heap;
mod mem;
pub mod stack;
mod vectors;
