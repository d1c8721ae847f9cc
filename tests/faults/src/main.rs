//! Kills and pauses everything at random points, and counts what became of the jobs.

fn main() {}
