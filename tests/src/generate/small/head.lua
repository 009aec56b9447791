local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
