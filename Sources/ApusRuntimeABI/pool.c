#include "ApusRuntimeABI.h"
