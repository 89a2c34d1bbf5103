"""Tests that a learner calls, one an exercise."""
