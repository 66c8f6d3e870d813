#include "mpi_tap.h"
int main(int argc,char**argv){mpi_tap_start(&argc,&argv);return mpi_tap_end();}
