# (the tool is built from here once its commands are)
