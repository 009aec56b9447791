local P = P local old = P.old local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
