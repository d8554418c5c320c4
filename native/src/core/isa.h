// Which instruction set serves: the best the CPU has, or the one that NONET_ISA names.
#pragma once

#include <string>
#include <vector>

#include "../kernels/table.h"

namespace nonet {

// Chosen at the first call. Throws E_CONFIG when NONET_ISA names one that is unknown or that the CPU lacks.
const KernelTable& kernels();

// Best first.
std::vector<std::string> availableIsas();
std::string cpuName();
// Hardware threads that this process may use.
int availableThreads();

}  // namespace nonet
