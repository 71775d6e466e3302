"""Takes eight seconds, and ends well."""

import time

time.sleep(8)
