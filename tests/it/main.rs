//! Journeys over the real programs, a file each.

mod sandbox;
