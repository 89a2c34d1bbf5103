"""`python -m tests.bank`; what it does is in `_proof`, where the processes that it starts can import it."""

import sys

from ._proof import main

sys.exit(main())
