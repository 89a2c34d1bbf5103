"""For the whole suite: the package's type and shape annotations are checked at run time."""

from jaxtyping import install_import_hook

import tests.typechecker

# Before any module of the package is imported: pytest, and every worker of pytest -n, reads this file first.
install_import_hook("part31_superposition_and_saes", f"{tests.typechecker.__name__}.checked")
