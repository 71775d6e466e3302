"""Operations on jobs: submission, upkeep, inspection, results and reports."""
