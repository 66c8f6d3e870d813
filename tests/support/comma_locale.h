/* A locale whose numbers have a comma, for what must not depend on the program's language. */
#ifndef COMMA_LOCALE_H
#define COMMA_LOCALE_H

/* Sets it, one that is made in the test's folder (folder.h); says that nothing is tried where that is impossible, and
 * returns 0. */
int comma_locale_set(void);

/* The C locale again. */
void comma_locale_end(void);

#endif
